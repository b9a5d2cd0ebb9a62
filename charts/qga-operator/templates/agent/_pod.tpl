{{- /* What an agent's container is everywhere: `root`, `host` and `uri` are given. */}}
{{- define "qga.agentContainer" -}}
name: agent
image: {{ include "qga.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args:
  - agent
  - --libvirt-uri={{ .uri }}
  - --state-dir={{ .root.Values.agent.stateDir }}
  - --default-namespace={{ include "qga.agentDefaultNamespace" .root }}
  - --namespace={{ .root.Release.Namespace }}
  - --metrics-address=:{{ .root.Values.metrics.agentPort }}
  - --channel-repair={{ .root.Values.agent.channelRepair }}
  - --log-level={{ .root.Values.logLevel }}
  {{- with .root.Values.agent.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
env:
  - name: QGA_NODE_NAME
    {{- if .host }}
    value: {{ .host | quote }}
    {{- else }}
    valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
    {{- end }}
  - name: NODE_OPTIONS
    # The young generation would grow to many times that, and be given back late.
    value: --max-old-space-size={{ .root.Values.agent.heapMiB }} --max-semi-space-size=1
  {{- with .root.Values.agent.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - name: metrics
    containerPort: {{ .root.Values.metrics.agentPort }}
{{ include "qga.probes" . }}
resources:
  {{- toYaml .root.Values.agent.resources | nindent 2 }}
{{- end }}

{{- /* It thaws what it holds and ends by itself within 5 s: what can't be reached by then, the next one thaws. */}}
{{- define "qga.agentGraceSeconds" -}}10{{- end }}

{{- define "qga.libvirtUri" -}}
{{- with .Values.agent.libvirt -}}
{{- if .uri -}}
{{ .uri }}
{{- else if eq .daemon "modular" -}}
qemu+unix:///system?socket=/run/libvirt/virtqemud-sock&mode=direct
{{- else -}}
qemu+unix:///system?socket=/run/libvirt/libvirt-sock
{{- end }}
{{- end }}
{{- end }}
