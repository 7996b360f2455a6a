// What the verification page says, in its languages.

import type { Verification } from './contract.ts';

export const verificationLanguages = ['en', 'ta', 'hi', 'ar'] as const;
export type VerificationLanguage = (typeof verificationLanguages)[number];

export interface VerificationTexts {
  /** Of the language, as its readers call it. */
  language: string;
  title: string;
  headings: Record<Verification['status'], string>;
  explanations: Record<Verification['status'], string>;
  issuedTo: string;
  course: string;
  issuedBy: string;
  issuedOn: string;
  expiresOn: string;
  neverExpires: string;
  number: string;
  seeSuccessor: string;
  share: string;
  linkedIn: string;
  languages: string;
  compare: string;
  notFoundHeading: string;
  notFoundText: string;
}

const english: VerificationTexts = {
  language: 'English',
  title: 'Certificate verification',
  headings: {
    valid: 'This certificate is valid',
    expired: 'This certificate has expired',
    revoked: 'This certificate was revoked',
    replaced: 'This certificate was replaced',
  },
  explanations: {
    valid: 'It was issued by the institution named below, and is good today.',
    expired: 'It is genuine, but it was good only until the date below.',
    revoked: 'It was issued by the institution named below, which has taken it back. It is not good any more.',
    replaced: 'It was issued by the institution named below, which has put a newer one in its place.',
  },
  issuedTo: 'Issued to',
  course: 'For completing',
  issuedBy: 'Issued by',
  issuedOn: 'Issued on',
  expiresOn: 'Valid until',
  neverExpires: 'Does not expire',
  number: 'Certificate number',
  seeSuccessor: 'See the newer certificate',
  share: 'Share by e-mail',
  linkedIn: 'Add to LinkedIn profile',
  languages: 'Languages',
  compare: 'Compare the name, the course and the number with those on the certificate in front of you.',
  notFoundHeading: 'No certificate found',
  notFoundText: 'There is no certificate at this address. Check that the link is complete, or scan the code again.',
};

const tamil: VerificationTexts = {
  language: 'தமிழ்',
  title: 'சான்றிதழ் சரிபார்ப்பு',
  headings: {
    valid: 'இந்தச் சான்றிதழ் செல்லுபடியாகும்',
    expired: 'இந்தச் சான்றிதழ் காலாவதியாகிவிட்டது',
    revoked: 'இந்தச் சான்றிதழ் ரத்து செய்யப்பட்டது',
    replaced: 'இந்தச் சான்றிதழ் மாற்றப்பட்டது',
  },
  explanations: {
    valid: 'கீழே குறிப்பிடப்பட்ட நிறுவனம் இதை வழங்கியது; இது இன்று செல்லுபடியாகும்.',
    expired: 'இது உண்மையானது, ஆனால் கீழே உள்ள தேதி வரை மட்டுமே செல்லுபடியாக இருந்தது.',
    revoked: 'கீழே குறிப்பிடப்பட்ட நிறுவனம் இதை வழங்கி, பின்னர் திரும்பப் பெற்றது. இது இனி செல்லாது.',
    replaced: 'கீழே குறிப்பிடப்பட்ட நிறுவனம் இதற்குப் பதிலாகப் புதிய சான்றிதழை வழங்கியுள்ளது.',
  },
  issuedTo: 'பெறுபவர்',
  course: 'நிறைவு செய்த பாடநெறி',
  issuedBy: 'வழங்கிய நிறுவனம்',
  issuedOn: 'வழங்கப்பட்ட தேதி',
  expiresOn: 'செல்லுபடியாகும் கடைசி தேதி',
  neverExpires: 'காலாவதி இல்லை',
  number: 'சான்றிதழ் எண்',
  seeSuccessor: 'புதிய சான்றிதழைப் பார்க்க',
  share: 'மின்னஞ்சலில் பகிர',
  linkedIn: 'LinkedIn சுயவிவரத்தில் சேர்க்க',
  languages: 'மொழிகள்',
  compare: 'பெயர், பாடநெறி, எண் ஆகியவற்றை உங்களிடம் உள்ள சான்றிதழுடன் ஒப்பிடுங்கள்.',
  notFoundHeading: 'சான்றிதழ் கிடைக்கவில்லை',
  notFoundText:
    'இந்த முகவரியில் சான்றிதழ் எதுவும் இல்லை. இணைப்பு முழுமையாக உள்ளதா எனப் பாருங்கள், அல்லது குறியீட்டை மீண்டும் ஸ்கேன் செய்யுங்கள்.',
};

const hindi: VerificationTexts = {
  language: 'हिन्दी',
  title: 'प्रमाणपत्र सत्यापन',
  headings: {
    valid: 'यह प्रमाणपत्र मान्य है',
    expired: 'इस प्रमाणपत्र की अवधि समाप्त हो चुकी है',
    revoked: 'यह प्रमाणपत्र रद्द कर दिया गया है',
    replaced: 'यह प्रमाणपत्र बदल दिया गया है',
  },
  explanations: {
    valid: 'इसे नीचे दी गई संस्था ने जारी किया है और यह आज मान्य है।',
    expired: 'यह असली है, लेकिन केवल नीचे दी गई तारीख तक मान्य था।',
    revoked: 'इसे नीचे दी गई संस्था ने जारी किया था और बाद में वापस ले लिया। यह अब मान्य नहीं है।',
    replaced: 'नीचे दी गई संस्था ने इसकी जगह नया प्रमाणपत्र जारी किया है।',
  },
  issuedTo: 'प्राप्तकर्ता',
  course: 'पूरा किया गया पाठ्यक्रम',
  issuedBy: 'जारीकर्ता',
  issuedOn: 'जारी करने की तारीख',
  expiresOn: 'मान्यता की अंतिम तारीख',
  neverExpires: 'कोई समाप्ति तिथि नहीं',
  number: 'प्रमाणपत्र संख्या',
  seeSuccessor: 'नया प्रमाणपत्र देखें',
  share: 'ई-मेल से साझा करें',
  linkedIn: 'LinkedIn प्रोफ़ाइल में जोड़ें',
  languages: 'भाषाएँ',
  compare: 'नाम, पाठ्यक्रम और संख्या का मिलान अपने सामने के प्रमाणपत्र से करें।',
  notFoundHeading: 'कोई प्रमाणपत्र नहीं मिला',
  notFoundText: 'इस पते पर कोई प्रमाणपत्र नहीं है। जाँचें कि लिंक पूरा है, या कोड को फिर से स्कैन करें।',
};

const arabic: VerificationTexts = {
  language: 'العربية',
  title: 'التحقق من الشهادة',
  headings: {
    valid: 'هذه الشهادة صالحة',
    expired: 'انتهت صلاحية هذه الشهادة',
    revoked: 'أُلغيت هذه الشهادة',
    replaced: 'استُبدلت هذه الشهادة',
  },
  explanations: {
    valid: 'أصدرتها المؤسسة المذكورة أدناه، وهي سارية اليوم.',
    expired: 'هي شهادة أصلية، لكنها كانت سارية حتى التاريخ أدناه فقط.',
    revoked: 'أصدرتها المؤسسة المذكورة أدناه ثم سحبتها، ولم تعد سارية.',
    replaced: 'أصدرت المؤسسة المذكورة أدناه شهادة أحدث بدلًا منها.',
  },
  issuedTo: 'مُنحت إلى',
  course: 'لإتمام',
  issuedBy: 'جهة الإصدار',
  issuedOn: 'تاريخ الإصدار',
  expiresOn: 'صالحة حتى',
  neverExpires: 'لا تنتهي صلاحيتها',
  number: 'رقم الشهادة',
  seeSuccessor: 'عرض الشهادة الأحدث',
  share: 'مشاركة بالبريد الإلكتروني',
  linkedIn: 'إضافة إلى ملف LinkedIn',
  languages: 'اللغات',
  compare: 'قارن الاسم والدورة والرقم بما هو مكتوب على الشهادة التي أمامك.',
  notFoundHeading: 'لم يُعثر على شهادة',
  notFoundText: 'لا توجد شهادة في هذا العنوان. تأكد من أن الرابط كامل، أو امسح الرمز مرة أخرى.',
};

export const verificationTexts: Readonly<Record<VerificationLanguage, VerificationTexts>> = {
  en: english,
  ta: tamil,
  hi: hindi,
  ar: arabic,
};
