import type { Upload } from './bucket.ts';
import type { FileCalls } from './file_calls.ts';
import { readPartialName } from './partial_file.ts';

/**
 * The uploads that a file bucket's directory holds the unfinished objects of, not those below it; none where it cannot be
 * read.
 */
export async function unfinishedObjects(calls: FileCalls, directory: string): Promise<readonly Upload[]> {
  const names = await calls.readdir(directory).catch((): readonly string[] => []);
  return names.flatMap((file) => {
    const found = readPartialName(file);
    return found === undefined ? [] : [{ key: found.name, upload_id: found.upload_id }];
  });
}
