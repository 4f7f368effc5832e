import { shedPrivileges } from './shed_privileges.ts';

// Before all else is loaded: it may be loaded a second time.
if (process.argv[2] === 'serve') shedPrivileges(process.argv.slice(3), process.env);
await import('./run_edgetap.ts');
