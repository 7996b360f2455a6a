-- Of each lane only the next few tasks stand in the line, in rounds, so that tenants take turns and the lanes of each. What waits is in the line already.

ALTER TABLE platen.tasks ADD COLUMN tenant text NOT NULL DEFAULT '', ADD COLUMN round bigint;
UPDATE platen.tasks SET round = turn / 8 WHERE state = 'waiting';

DROP INDEX platen.tasks_turn, platen.tasks_lane;
CREATE INDEX tasks_not_in_line ON platen.tasks (lane, turn) WHERE state = 'waiting' AND round IS NULL;
CREATE INDEX tasks_in_line ON platen.tasks (round) WHERE state = 'waiting' AND attempt = 0 AND round IS NOT NULL;
CREATE INDEX tasks_in_line_of_lane ON platen.tasks (lane) WHERE state = 'waiting' AND attempt = 0 AND round IS NOT NULL;
CREATE INDEX tasks_in_line_of_tenant ON platen.tasks (tenant, round) WHERE state = 'waiting' AND attempt = 0 AND round IS NOT NULL;
