-- Runs for all courses at once, of the configuration that each tenant has by itself.

-- '' where the run is for one course, which its plan names.
ALTER TABLE platen.run_items ADD COLUMN course_id text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE platen.run_items ADD COLUMN course_name text;
ALTER TABLE platen.run_items DROP CONSTRAINT run_items_pkey;
ALTER TABLE platen.run_items ADD PRIMARY KEY (run_id, student_id, course_id);

-- Whether its schedule is that of the settings; false once somebody has changed it.
ALTER TABLE platen.configurations ADD COLUMN keeps_interval boolean NOT NULL DEFAULT false;

-- By which options it was not enough; null where there is a certificate, or nothing is decided.
ALTER TABLE platen.attempts ADD COLUMN passed_over_by text;
CREATE INDEX attempts_passed_over ON platen.attempts (tenant, passed_over_by) WHERE passed_over_by IS NOT NULL;

-- Nobody takes this turn any more: a run is due in its place.
DELETE FROM platen.schedules WHERE kind = 'attempts' AND name = 'generate';
