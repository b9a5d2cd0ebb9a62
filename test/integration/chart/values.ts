const remoteHosts = [
  { name: 'hv9', uri: 'qemu+tls://hv9.example/system', tlsSecret: 'hv9-tls' },
  {
    name: 'hv10',
    uri: 'qemu+ssh://qga@hv10.example/system?mode=direct',
    sshSecret: 'hv10-ssh',
    nodeSelector: { zone: 'lab' },
    tolerations: [{ operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    priorityClassName: 'system-node-critical',
  },
];

/** Everything that can be switched on. */
export const everything = {
  remoteHosts,
  imagePullSecrets: [{ name: 'registry' }],
  commonLabels: { team: 'platform' },
  manager: {
    podAnnotations: { a: 'b' },
    podLabels: { c: 'd' },
    nodeSelector: { infra: 'true' },
    tolerations: [{ operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    priorityClassName: 'system-cluster-critical',
    extraEnv: [{ name: 'HTTPS_PROXY', value: 'http://proxy:3128' }],
    extraArgs: ['--log-level=debug'],
    serviceAccount: { annotations: { e: 'f' } },
  },
  agent: {
    podAnnotations: { a: 'b' },
    podLabels: { c: 'd' },
    affinity: { nodeAffinity: {} },
    seLinuxOptions: { type: 'spc_t' },
    appArmorProfile: { type: 'RuntimeDefault' },
    serviceAccount: { annotations: { e: 'f' } },
    maxUnavailable: 3,
    channelRepair: 'Manual',
    extraEnv: [{ name: 'QGA_LOG_LEVEL', value: 'debug' }],
    extraArgs: ['--default-namespace=machines'],
  },
  userRoles: { aggregateTo: { view: true, edit: true, admin: true } },
  networkPolicy: { metricsFrom: [{ podSelector: {} }] },
  remoteHostStorage: { storageClassName: 'fast' },
  metrics: {
    serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
    podMonitor: { enabled: true, labels: { release: 'prometheus' } },
    prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
  },
  dashboards: { enabled: true, annotations: { folder: 'virtualization' } },
};

/** What people install with, by what is particular of it. */
export const valueSets = {
  'its own values': {},
  'everything switched on': everything,
  'remote hosts only': { agent: { enabled: false }, remoteHosts },
  'everything optional switched off': {
    crds: { install: false },
    manager: { replicas: 1, podDisruptionBudget: { enabled: false } },
    agent: { enabled: false },
    userRoles: { create: false },
    nodeIsolation: { enabled: false },
    networkPolicy: { enabled: false },
    flowControl: { enabled: false },
    uninstall: { releaseGuests: false },
  },
  'names of its own': { fullnameOverride: 'guests', agent: { defaultNamespace: 'machines' } },
};
