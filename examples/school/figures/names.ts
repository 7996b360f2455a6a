// Invents display names, because the survey has none; a name is drawn by number and says nothing about the student.

export interface DisplayName {
  text: string;
  lang: string;
}

interface Script {
  lang: string;
  given: string[];
  family: string[];
  join: (given: string, family: string) => string;
}

const givenFirst = (given: string, family: string) => `${given} ${family}`;

const scripts: Script[] = [
  {
    lang: 'en',
    given: ['Ada', 'Benjamin', 'Clara', 'Daniel', 'Eleanor', 'Felix', 'Grace', 'Henry', 'Iris'],
    family: ['Abbott', 'Brennan', 'Calloway', 'Dawson', 'Ellery', 'Fairchild', 'Greer', 'Hollis'],
    join: givenFirst,
  },
  {
    lang: 'ta',
    given: ['கவிதா', 'அருண்', 'மீனாட்சி', 'கார்த்திக்', 'லட்சுமி', 'சரவணன்', 'தமிழ்ச்செல்வி', 'பிரபாகரன்', 'யாழினி'],
    family: ['முருகன்', 'சுப்பிரமணியன்', 'இராமசாமி', 'கந்தசாமி', 'பாலகிருஷ்ணன்', 'செல்வராஜ்', 'வேலு', 'நடராஜன்'],
    join: givenFirst,
  },
  {
    lang: 'ar',
    given: ['فاطمة', 'يوسف', 'ليلى', 'عمر', 'مريم', 'خالد', 'نور', 'إبراهيم', 'سلمى'],
    family: ['الحداد', 'النجار', 'المنصوري', 'الخطيب', 'العلي', 'الشامي', 'القاسمي', 'البغدادي'],
    join: givenFirst,
  },
  {
    lang: 'zh-Hans',
    given: ['伟', '秀英', '子涵', '明', '雨欣', '浩然', '静怡', '志强', '梦琪'],
    family: ['王', '李', '张', '陈', '刘', '赵', '周', '吴'],
    join: (given, family) => `${family}${given}`,
  },
];

/** The same school and number always give the same name, and no name occurs twice within a school of up to 288 students. */
export function inventName(school: number, number: number): DisplayName {
  const script = pick(scripts, number);
  const combinations = script.given.length * script.family.length;
  // 29 shares no factor with 72, so stepping by it visits every combination once.
  const place = (school + Math.floor(number / scripts.length) * 29) % combinations;
  const given = pick(script.given, place);
  const family = pick(script.family, Math.floor(place / script.given.length));
  return { text: script.join(given, family), lang: script.lang };
}

function pick<T>(list: T[], index: number): T {
  return list[index % list.length] as T;
}
