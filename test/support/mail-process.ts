// A process of its own that sends the mails of a database until it is ended, or comes to the place at which it is to die: the database, the port of the mail server and that place are its arguments.

import { openDatabase } from '../../src/database/database.ts';
import { armFailpoint, failpoints } from '../../src/failpoint.ts';
import { authorityOf } from './authority.ts';
import { createMailing } from './mailed-certificates.ts';

const [databaseUrl = '', port = '', place = ''] = process.argv.slice(2);
const name = failpoints.find((each) => each === place);
if (name !== undefined) armFailpoint(name);
const server = { url: `smtp://127.0.0.1:${port}`, from: 'a@school.example', authorities: authorityOf('school') };
const { events } = await createMailing(openDatabase({ url: databaseUrl, dataDir: '' }), { server });
events.start();
