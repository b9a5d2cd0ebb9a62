{{- define "qga.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* Short: other names are made by adding to it. */}}
{{- define "qga.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "qga.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "qga.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "qga.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: qga-operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "qga.selector" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "qga.selector" -}}
app.kubernetes.io/name: {{ include "qga.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "qga.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{- define "qga.agentDefaultNamespace" -}}
{{- .Values.agent.defaultNamespace | default .Release.Namespace }}
{{- end }}

{{- /* ServiceAccounts: the admission policies know an agent by them. */}}
{{- define "qga.managerAccount" -}}{{ include "qga.fullname" . }}-manager{{- end }}
{{- define "qga.agentAccount" -}}{{ include "qga.fullname" . }}-agent{{- end }}
{{- define "qga.remoteHostAccountPrefix" -}}{{ include "qga.fullname" . }}-host-{{- end }}

{{- /* Subjects of a binding: every agent of this release. */}}
{{- define "qga.agentSubjects" -}}
{{- if .Values.agent.enabled }}
- kind: ServiceAccount
  name: {{ include "qga.agentAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
{{- range .Values.remoteHosts }}
- kind: ServiceAccount
  name: {{ include "qga.remoteHostAccountPrefix" $ }}{{ .name }}
  namespace: {{ $.Release.Namespace }}
{{- end }}
{{- end }}

{{- /* Of objects that are there only while the release is uninstalled. */}}
{{- define "qga.uninstallHook" -}}
helm.sh/hook: {{ . }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- define "qga.probes" -}}
livenessProbe:
  httpGet: { path: /healthz, port: metrics }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: metrics }
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}
