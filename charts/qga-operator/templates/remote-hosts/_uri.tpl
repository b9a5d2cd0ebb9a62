{{- /* The URI with where its credentials are mounted, as libvirt's drivers are told. */}}
{{- define "qga.remoteUri" -}}
{{- $more := "" -}}
{{- if .tlsSecret }}{{ $more = "pkipath=/etc/qga-operator/tls" }}{{ end -}}
{{- if .sshSecret }}{{ $more = "keyfile=/home/qga/.ssh/identity&no_tty=1" }}{{ end -}}
{{- if $more -}}
{{ .uri }}{{ contains "?" .uri | ternary "&" "?" }}{{ $more }}
{{- else -}}
{{ .uri }}
{{- end }}
{{- end }}
