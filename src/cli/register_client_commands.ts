import type { Command } from 'commander';
import { registerBucketAdd } from './bucket_add_command.ts';
import { registerBucketList } from './bucket_list_command.ts';
import { registerBucketRemove } from './bucket_remove_command.ts';
import { registerBucketValidate } from './bucket_validate_command.ts';
import { registerCaptureFull } from './capture_full_command.ts';
import { registerCaptureSimple } from './capture_simple_command.ts';
import type { CommandContext } from './command_context.ts';
import { registerDownload } from './download_command.ts';
import { registerEstimateFull } from './estimate_full_command.ts';
import { registerEstimateSimple } from './estimate_simple_command.ts';
import { registerList } from './list_command.ts';
import { registerShow } from './show_command.ts';
import { registerStop } from './stop_command.ts';

/** Adds every command that talks to a server. */
export function registerClientCommands(program: Command, context: CommandContext): void {
  const capture = program.command('capture').description('ask for packets');
  registerCaptureSimple(capture, context);
  registerCaptureFull(capture, context);
  const estimate = program.command('estimate').description('ask what a capture would catch, without making it');
  registerEstimateSimple(estimate, context);
  registerEstimateFull(estimate, context);
  registerList(program, context);
  registerShow(program, context);
  registerStop(program, context);
  registerDownload(program, context);
  const bucket = program.command('bucket').description('where full captures go');
  registerBucketAdd(bucket, context);
  registerBucketValidate(bucket, context);
  registerBucketList(bucket, context);
  registerBucketRemove(bucket, context);
}
