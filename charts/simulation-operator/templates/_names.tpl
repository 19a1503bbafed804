{{/* The beginning of every name. 40 characters leave room for "-scheduler-" and what a ReplicaSet adds. */}}
{{- define "simulation.name" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "simulation.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* Labels by which a component's pods are found. Call with (dict "root" $ "component" "operator"). */}}
{{- define "simulation.selector" -}}
app.kubernetes.io/name: simulation-operator
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "simulation.labels" -}}
{{ include "simulation.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}
