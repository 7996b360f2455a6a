// A spinner that never ends, as one that was forgotten: nobody may wait for it.

export function addSpinner() {
  const spinner = document.createElement('div');
  spinner.className = 'spinner';
  document.body.append(spinner);
}
