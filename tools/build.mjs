// Usage: node tools/build.mjs
// Bundles src/ into dist/, which bin/edgetap runs for as long as the sources are older: a process of one file starts in a third of the time
// that one of a thousand takes. Only what is measured to take long is bundled; packages that read files of their own stay what they are.
import { mkdirSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const sources = join(root, 'src');
const main = join(sources, 'main/edgetap.ts');
const target = join(root, 'dist');
const work = join(root, '.cache', `build-${process.pid}`);
const outside = ['@fastify/swagger-ui', 'fastify', 'koffi', 'pino'];

const begun = new Date();
rmSync(work, { recursive: true, force: true });
try {
  const bundle = await rolldown({
    input: { [nameOf(main)]: main },
    platform: 'node',
    external: [/^node:/, ...outside],
    plugins: [
      { name: 'files-beside', transform: pointIntoBundle },
      { name: 'builtins', renderChunk: takeBuiltins },
    ],
  });
  await bundle.write({
    dir: join(work, 'new'),
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  });
  await bundle.close();
  // What is changed from here on is newer than the bundle.
  utimesSync(join(work, 'new', `${nameOf(main)}.js`), begun, begun);
  mkdirSync(target, { recursive: true });
  renameSync(target, join(work, 'old'));
  renameSync(join(work, 'new'), target);
} finally {
  rmSync(work, { recursive: true, force: true });
}

/**
 * A module that starts a thread or a process names its file by `new URL('./x.ts', import.meta.url)`. In the bundle all modules are in one
 * folder: such a file is bundled by itself, under its own name, and other files are named from there.
 */
function pointIntoBundle(code, id) {
  if (!id.startsWith(`${sources}/`)) return undefined;
  const text = code.replace(/new URL\('([^']+)', import\.meta\.url\)/g, (_, path) => {
    const file = resolve(dirname(id), path);
    const inside = file.startsWith(`${sources}/`);
    if (inside) this.emitFile({ type: 'chunk', id: file, fileName: `${nameOf(file)}.js` });
    return `new URL('${inside ? `./${nameOf(file)}.js` : relative(target, file)}', import.meta.url)`;
  });
  const rest = text.replace(/new URL\('[^']+', import\.meta\.url\)|import\.meta\.filename/g, '');
  if (rest.includes('import.meta'))
    throw new Error(`${relative(root, id)} uses import.meta in a way that the bundle cannot`);
  return text;
}

/**
 * Node's own modules without an `import`: that reads all that they export, and so loads what some of them make only when it is asked for
 * (undici for `node:http`, a tenth of a second).
 */
function takeBuiltins(code) {
  return code.replace(/^import (.+) from "(node:[^"]+)";$/gm, (_, names, module) => {
    const taken = `process.getBuiltinModule("${module}")`;
    if (names.startsWith('{')) return `const ${names.replaceAll(' as ', ': ')} = ${taken};`;
    return `const ${names.replace('* as ', '')} = ${taken};`;
  });
}

function nameOf(file) {
  return basename(file).replace(/\.m?[jt]s$/, '');
}
