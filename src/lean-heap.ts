import { setFlagsFromString } from 'node:v8';

// An agent runs on every hypervisor, where memory belongs to the guests: without this the young generation grows to
// 48 MiB under load and is given back late. Imported first, while the heap is small.
setFlagsFromString('--max-semi-space-size=2');
