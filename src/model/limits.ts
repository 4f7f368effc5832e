/** Bounds that the contract fixes, in one place. */
export const limits = {
  simple_time_max_s: 300,
  full_time_max_s: 86_400,
  packets_max: 10_000,
  bytes_max: 1_000_000_000,
  /** How far back `offset_time` may lie, and how far back the past of a full capture may reach. */
  lookback_max_s: 86_400,
  /** Samples in the past of a full capture, over all its interfaces: the newest that match. */
  past_packets_max: 10_000,
  /** How far ahead `offset_time` may lie and still count as now. */
  ahead_max_s: 5,
  expression_max_chars: 4096,
  /** Bytes kept of a sampled packet. */
  sample_snaplen_bytes: 160,
  /** Bytes kept of a packet of a full capture: GRO makes frames of more than 64 KiB. */
  full_snaplen_bytes: 262_144,
  /** Interfaces of one sensor. */
  interfaces_max: 256,
  arm_timeout_s: 30,
  /** So long a look-back waits for its last packets to be visible. */
  lookback_answer_ms: 2000,
  /** Places of a part's file for which control is told what the file was up to there. */
  file_sums_max: 512,
  /** Parts of which a sensor says in one message that it has something. */
  parts_told_max: 16_384,
  /** Interfaces that come while a capture runs are taken into it until it has so many parts. */
  parts_max: 1024,
  /** Things set aside of which a sensor tells. */
  set_aside_told_max: 64,
  conversion_wait_s: 60,
  unknown_after_s: 30,
  upload_expiry_s: 86_400,
  list_max: 50,
  /** How deep into a list of captures a page can reach: it takes the longer the deeper it is. */
  list_depth_max: 5000,
  buckets_list_max: 1000,
  body_max_bytes: 65_536,
} as const;
