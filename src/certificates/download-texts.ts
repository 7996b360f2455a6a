// What the page says that a mail leads to, in its languages.

import type { VerificationLanguage } from './verification-languages.ts';

interface Notice {
  heading: string;
  text: string;
}

interface DownloadTexts {
  title: string;
  ready: Notice;
  action: string;
  /** Of a link that was good once. */
  over: Notice;
  /** Of a code that no mail has. */
  unknown: Notice;
}

export const downloadTexts: Readonly<Record<VerificationLanguage, DownloadTexts>> = {
  en: {
    title: 'Your certificate',
    ready: { heading: 'Your certificate is ready', text: 'Keep the PDF: the link in the message is good for 30 days.' },
    action: 'Download the PDF',
    over: {
      heading: 'This link is over',
      text: 'It was good for 30 days, or the certificate has been taken back or replaced. Ask the institution that sent it.',
    },
    unknown: { heading: 'Nothing found', text: 'There is nothing at this address. Check that the link is complete.' },
  },
  ta: {
    title: 'உங்கள் சான்றிதழ்',
    ready: {
      heading: 'உங்கள் சான்றிதழ் தயாராக உள்ளது',
      text: 'PDF கோப்பைச் சேமித்து வைக்கவும்: செய்தியில் உள்ள இணைப்பு 30 நாட்கள் மட்டுமே செல்லும்.',
    },
    action: 'PDF பதிவிறக்கவும்',
    over: {
      heading: 'இந்த இணைப்பு முடிவடைந்துவிட்டது',
      text: 'இது 30 நாட்கள் மட்டுமே செல்லும்; அல்லது சான்றிதழ் திரும்பப் பெறப்பட்டிருக்கலாம் அல்லது மாற்றப்பட்டிருக்கலாம். இதை அனுப்பிய நிறுவனத்திடம் கேட்கவும்.',
    },
    unknown: {
      heading: 'எதுவும் கிடைக்கவில்லை',
      text: 'இந்த முகவரியில் எதுவும் இல்லை. இணைப்பு முழுமையாக உள்ளதா எனச் சரிபார்க்கவும்.',
    },
  },
  hi: {
    title: 'आपका प्रमाणपत्र',
    ready: { heading: 'आपका प्रमाणपत्र तैयार है', text: 'PDF सँभालकर रखें: संदेश का लिंक 30 दिन तक मान्य है।' },
    action: 'PDF डाउनलोड करें',
    over: {
      heading: 'यह लिंक समाप्त हो चुका है',
      text: 'यह 30 दिन तक मान्य था, या प्रमाणपत्र वापस ले लिया गया या बदल दिया गया है। जिस संस्था ने इसे भेजा है, उससे पूछें।',
    },
    unknown: { heading: 'कुछ नहीं मिला', text: 'इस पते पर कुछ नहीं है। जाँचें कि लिंक पूरा है।' },
  },
  ar: {
    title: 'شهادتك',
    ready: { heading: 'شهادتك جاهزة', text: 'احتفظ بملف PDF: الرابط الوارد في الرسالة صالح لمدة 30 يومًا.' },
    action: 'تنزيل ملف PDF',
    over: {
      heading: 'انتهت صلاحية هذا الرابط',
      text: 'كان صالحًا لمدة 30 يومًا، أو سُحبت الشهادة أو استُبدلت. اسأل المؤسسة التي أرسلته.',
    },
    unknown: { heading: 'لم يُعثر على شيء', text: 'لا شيء في هذا العنوان. تأكد من أن الرابط كامل.' },
  },
};
