-- Runs tell of those who have not passed, too, and by how much.

-- Null where it was read before it was kept.
ALTER TABLE platen.attempts ADD COLUMN passing_score double precision;
CREATE INDEX attempts_tried ON platen.attempts (tenant, course_id, student_id, is_passing DESC, percent DESC, completed_at, source_id)
  WHERE is_passing IS NOT NULL;
