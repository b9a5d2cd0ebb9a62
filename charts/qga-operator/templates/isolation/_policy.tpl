{{- /* Which requests are an agent's, and which host it speaks for. */}}
{{- define "qga.agentPolicyHead" -}}
{{- $accounts := printf "system:serviceaccount:%s:" .Release.Namespace -}}
{{- $remote := printf "%s%s" $accounts (include "qga.remoteHostAccountPrefix" .) -}}
# When in doubt, no.
failurePolicy: Fail
matchConditions:
  - name: from-an-agent
    expression: >-
      request.userInfo.username == '{{ $accounts }}{{ include "qga.agentAccount" . }}' ||
      request.userInfo.username.startsWith('{{ $remote }}')
variables:
  # A node's agent: the node its token is bound to. A remote host's: what its ServiceAccount is named after.
  - name: host
    expression: >-
      request.userInfo.username.startsWith('{{ $remote }}')
      ? request.userInfo.username.substring({{ len $remote }})
      : request.userInfo.?extra[?'authentication.kubernetes.io/node-name'][0].orValue('')
{{- end }}

{{- define "qga.agentPolicyKnownHost" -}}
- expression: variables.host != ''
  message: "this agent's token is bound to no node: only the token that a pod on the node is given may write"
  reason: Forbidden
{{- end }}

{{- /* A policy that nobody binds does nothing. */}}
{{- define "qga.policyBinding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "qga.labels" .root | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions: [Deny]
{{- end }}
