/** For each command some arguments that it takes, and what an agent may answer, as JSON text. */
export const samples: Record<string, { arguments: object; return: string }> = {
  'guest-exec': {
    arguments: { path: '/bin/cat', arg: ['-n'], env: ['A=1'], 'input-data': 'aGkK', 'capture-output': 'separated' },
    return: '{"pid": 2318}',
  },
  'guest-exec-status': {
    arguments: { pid: 2318 },
    return:
      '{"exited": true, "exitcode": 1, "signal": 9, "out-data": "aGkK", "err-data": "", "out-truncated": false, "err-truncated": true}',
  },
  'guest-file-close': { arguments: { handle: 1000 }, return: '{}' },
  'guest-file-flush': { arguments: { handle: 1000 }, return: '{}' },
  'guest-file-open': { arguments: { path: '/etc/hostname', mode: 'rb' }, return: '1000' },
  'guest-file-read': {
    arguments: { handle: 1000, count: 4096 },
    return: '{"count": 5, "buf-b64": "aGVsbG8=", "eof": true}',
  },
  'guest-file-seek': {
    arguments: { handle: 1000, offset: -1n, whence: 'end' },
    return: '{"eof": false, "position": 9007199254740993}',
  },
  'guest-file-write': {
    arguments: { handle: 1000, 'buf-b64': 'aGVsbG8=', count: 5 },
    return: '{"count": 5, "eof": false}',
  },
  'guest-fsfreeze-freeze': { arguments: {}, return: '2' },
  'guest-fsfreeze-freeze-list': { arguments: { mountpoints: ['/', '/data'] }, return: '2' },
  'guest-fsfreeze-status': { arguments: {}, return: '"thawed"' },
  'guest-fsfreeze-thaw': { arguments: {}, return: '0' },
  'guest-fstrim': {
    arguments: { minimum: 4096n },
    return: '{"paths": [{"path": "/", "trimmed": 23602749440, "minimum": 0}, {"path": "/data", "error": "no"}]}',
  },
  'guest-get-cpustats': {
    arguments: {},
    return:
      '[{"type": "linux", "cpu": 0, "user": 642310, "nice": 83250, "system": 220110, "idle": 162970, "steal": 2900}, {"type": "plan9"}]',
  },
  'guest-get-devices': {
    arguments: {},
    return:
      '[{"driver-name": "Red Hat VirtIO SCSI", "driver-date": 1636934400000000000, "driver-version": "100.85.104.20700", "id": {"type": "pci", "vendor-id": 6900, "device-id": 4097}}]',
  },
  'guest-get-disks': {
    arguments: {},
    return:
      '[{"name": "/dev/vda", "partition": false, "dependencies": [], "address": {"pci-controller": {"domain": 0, "bus": 0, "slot": 2, "function": 0}, "bus-type": "virtio", "bus": 0, "target": 0, "unit": 0, "dev": "/dev/vda"}}, {"name": "/dev/dm-0", "partition": false, "dependencies": ["/dev/vda2"], "alias": "root", "smart": {"type": "sata"}}]',
  },
  'guest-get-diskstats': {
    arguments: {},
    return: '[{"name": "vda", "major": 254, "minor": 0, "stats": {"read-sectors": 18446744073709551615}}]',
  },
  'guest-get-fsinfo': {
    arguments: {},
    return:
      '[{"name": "vda", "mountpoint": "/", "type": "ext4", "total-bytes": 97793294336, "used-bytes": 23602749440, "disk": [{"pci-controller": {"domain": 0, "bus": 0, "slot": 2, "function": 0}, "bus-type": "virtio", "bus": 0, "target": 0, "unit": 0}]}]',
  },
  'guest-get-host-name': { arguments: {}, return: '{"host-name": "vm"}' },
  'guest-get-load': { arguments: {}, return: '{"load1m": 0.5, "load5m": 1, "load15m": 1.25}' },
  'guest-get-memory-block-info': { arguments: {}, return: '{"size": 134217728}' },
  'guest-get-memory-blocks': {
    arguments: {},
    return: '[{"phys-index": 188, "online": true, "can-offline": true}]',
  },
  'guest-get-osinfo': {
    arguments: {},
    return: '{"id": "debian", "name": "Debian GNU/Linux", "version-id": "12", "kernel-release": "6.1.0-49-amd64"}',
  },
  'guest-get-time': { arguments: {}, return: '1795553109773210001' },
  'guest-get-timezone': { arguments: {}, return: '{"zone": "CET", "offset": 3600}' },
  'guest-get-users': { arguments: {}, return: '[{"user": "ada", "login-time": 1795553109.25}]' },
  'guest-get-vcpus': { arguments: {}, return: '[{"logical-id": 1, "online": true, "can-offline": true}]' },
  'guest-info': {
    arguments: {},
    return:
      '{"version": "7.2.22", "supported_commands": [{"name": "guest-shutdown", "enabled": true, "success-response": false}]}',
  },
  'guest-network-get-interfaces': {
    arguments: {},
    return:
      '[{"name": "eth0", "hardware-address": "02:fc:00:00:00:01", "ip-addresses": [{"ip-address": "192.0.2.2", "ip-address-type": "ipv4", "prefix": 24}], "statistics": {"rx-bytes": 1063163415, "rx-packets": 37015, "rx-errs": 0, "rx-dropped": 0, "tx-bytes": 2511, "tx-packets": 24190, "tx-errs": 0, "tx-dropped": 0}}]',
  },
  'guest-network-get-route': {
    arguments: {},
    return:
      '[{"iface": "eth0", "destination": "0.0.0.0", "metric": 100, "gateway": "192.0.2.1", "mask": "0.0.0.0", "flags": 3, "mtu": 0, "version": 4}]',
  },
  'guest-ping': { arguments: {}, return: '{}' },
  'guest-set-memory-blocks': {
    arguments: { 'mem-blks': [{ 'phys-index': '188', online: false }] },
    return: '[{"phys-index": 188, "response": "operation-failed", "error-code": 22}]',
  },
  'guest-set-time': { arguments: { time: '1795553109773210001' }, return: '{}' },
  'guest-set-user-password': {
    arguments: { username: 'ada', password: 'c2VjcmV0', crypted: false },
    return: '{}',
  },
  'guest-set-vcpus': { arguments: { vcpus: [{ 'logical-id': 1, online: false }] }, return: '1' },
  'guest-shutdown': { arguments: { mode: 'reboot' }, return: '{}' },
  'guest-ssh-add-authorized-keys': {
    arguments: { username: 'ada', keys: ['ssh-ed25519 AAAAC3 ada'], reset: true },
    return: '{}',
  },
  'guest-ssh-get-authorized-keys': {
    arguments: { username: 'ada' },
    return: '{"keys": ["ssh-ed25519 AAAAC3 ada"]}',
  },
  'guest-ssh-remove-authorized-keys': {
    arguments: { username: 'ada', keys: ['ssh-ed25519 AAAAC3 ada'] },
    return: '{}',
  },
  'guest-suspend-disk': { arguments: {}, return: '{}' },
  'guest-suspend-hybrid': { arguments: {}, return: '{}' },
  'guest-suspend-ram': { arguments: {}, return: '{}' },
  'guest-sync': { arguments: { id: 9007199254740993n }, return: '9007199254740993' },
  'guest-sync-delimited': { arguments: { id: -1n }, return: '-1' },
};
