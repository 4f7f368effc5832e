// Usage: node tools/build.mjs
// Bundles src/ and most packages into dist/, which bin/edgetap runs until a source is newer: loading a few files takes a third of the time of
// loading a thousand. Packages that read files of their own are loaded from node_modules as before.
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
 * Takes Node's own modules by a call instead of an `import`. An import reads everything that a module exports, and `node:http` loads undici when
 * one of its exports is read, which takes a tenth of a second.
 */
function takeBuiltins(code) {
  return code.replace(/^import (.+) from "(node:[^"]+)";$/gm, (_, names, module) => {
    // `default` is no property of what the call returns, and a default beside names has no such form.
    if (/\bdefault\b|^[^{*]*,/.test(names)) throw new Error(`the bundle cannot take ${names} of ${module}`);
    const taken = `process.getBuiltinModule("${module}")`;
    if (names.startsWith('{')) return `const ${names.replaceAll(' as ', ': ')} = ${taken};`;
    return `const ${names.replace('* as ', '')} = ${taken};`;
  });
}

function nameOf(file) {
  return basename(file).replace(/\.m?[jt]s$/, '');
}
