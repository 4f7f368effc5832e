import { Type } from 'typebox';

const bytes = Type.String({ format: 'binary' });

/** A result file. */
export const FileContent = {
  description: 'The file.',
  headers: {
    'content-disposition': Type.String({ description: 'Names the file: `pcap_<id>.pcap` or `.pcapng`.' }),
    etag: Type.String({ description: 'Strong: the same file always has the same.' }),
    'accept-ranges': Type.String(),
  },
  content: {
    'application/vnd.tcpdump.pcap': { schema: bytes },
    'application/x-pcapng': { schema: bytes },
  },
};

/** The text format of Prometheus. */
export const MetricsContent = { description: 'The metrics.', content: { 'text/plain': { schema: Type.String() } } };

/** Nothing but headers: the client has the file already. */
export const NotModified = Type.Null({ description: 'The client has this file already (If-None-Match).' });
