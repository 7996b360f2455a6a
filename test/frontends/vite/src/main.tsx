// An application as others write it: a dialog behind a button, or the indicator of a generation that its backend has begun.

import { createClient } from '@platen/client';
import {
  CertificateGenerationDialog,
  CertificateProgressIndicator,
  PlatenProvider,
  type PlatenTexts,
} from '@platen/react';
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import '@platen/react/styles.css';

const query = new URLSearchParams(location.search);
const named = (name: string) => query.get(name) ?? '';
const client = createClient({ baseUrl: named('platen'), userToken: () => named('token') });

/** Its words in Arabic; the others stay English. */
const arabicTexts: Partial<PlatenTexts> = {
  stages: {
    initializing: 'التحضير',
    template_loading: 'فتح القالب',
    data_validation: 'التحقق من البيانات',
    pdf_generation: 'إنشاء المستند',
    file_preparation: 'التوقيع والحفظ',
    download_ready: 'الاعتماد',
    completed: 'تم',
  },
  stageStates: { completed: 'تم', current: 'جارٍ', pending: 'لاحقًا' },
  progress: 'تقدم الشهادة',
  cancelled: 'أُلغي الطلب. يمكنك طلب الشهادة مجددًا في أي وقت.',
  cancel: 'إلغاء',
  title: 'شهادتك',
  ready: 'شهادتك جاهزة',
  download: 'تنزيل',
  tryAgain: 'إعادة المحاولة',
  close: 'إغلاق',
};

const isArabic = query.get('language') === 'ar';
Object.assign(document.documentElement, isArabic ? { lang: 'ar', dir: 'rtl' } : {});
if (query.has('scheme')) document.documentElement.style.colorScheme = named('scheme');
const texts = isArabic ? arabicTexts : {};

/** What the components have told, for those who look. */
const told: string[] = [];
Object.assign(window, { told });

function Dialog() {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <button type="button" onClick={() => setIsOpen(true)}>
        Certificate
      </button>
      <CertificateGenerationDialog
        isOpen={isOpen}
        courseId={named('course')}
        onClose={() => setIsOpen(false)}
        onComplete={({ certificateId }) => told.push(`completed ${certificateId}`)}
        onCancel={() => told.push('cancelled')}
        onError={({ code }) => told.push(`failed ${code}`)}
      />
    </>
  );
}

const indicator = (
  <CertificateProgressIndicator
    progressId={named('progress')}
    onComplete={({ certificateId }) => told.push(`completed ${String(certificateId)}`)}
    onCancel={() => told.push('cancelled')}
    onError={({ code }) => told.push(`failed ${code}`)}
  />
);

const root = document.getElementById('root');
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <PlatenProvider client={client} texts={texts}>
        {query.has('progress') ? indicator : <Dialog />}
      </PlatenProvider>
    </StrictMode>,
  );
