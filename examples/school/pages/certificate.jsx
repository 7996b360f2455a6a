// The button with which a student asks for a certificate, and the dialog in which it is made and downloaded.
import { createClient } from '@platen/client';
import { CertificateGenerationDialog, PlatenProvider } from '@platen/react';
import { useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';

/** The token with which the student is signed in. */
const userToken = () => localStorage.getItem('token') ?? '';

function Certificate({ course, record }) {
  const [isOpen, setIsOpen] = useState(false);
  const [problem, setProblem] = useState('');
  const open = async () => {
    setProblem('');
    try {
      await record(course);
      setIsOpen(true);
    } catch {
      setProblem('The school does not answer. Please try again in a moment.');
    }
  };
  return (
    <li>
      <span>{course.courseName}</span>
      <button type="button" onClick={open}>
        Certificate
      </button>
      {problem !== '' && <p role="alert">{problem}</p>}
      <CertificateGenerationDialog
        isOpen={isOpen}
        courseId={course.courseId}
        title={course.courseName}
        onClose={() => setIsOpen(false)}
      />
    </li>
  );
}

function Certificates({ platenUrl, courses, record }) {
  const client = useMemo(() => createClient({ baseUrl: platenUrl, userToken }), [platenUrl]);
  return (
    <PlatenProvider client={client}>
      <h2>Completed courses</h2>
      <ul className="courses">
        {courses.map((course) => (
          <Certificate key={course.courseId} course={course} record={record} />
        ))}
      </ul>
    </PlatenProvider>
  );
}

export function showCertificates(element, { platenUrl, courses, record }) {
  createRoot(element).render(<Certificates platenUrl={platenUrl} courses={courses} record={record} />);
}
