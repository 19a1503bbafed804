{{/* What the schema can't say, or would say less plainly. */}}
{{- define "simulation.refusals" -}}
{{- $model := .Values.model }}
{{- if or $model.baseUrl $model.name $model.existingSecret }}
{{- fail "model: a language model is not in this version: leave model.baseUrl, model.name and model.existingSecret empty" }}
{{- end }}
{{- if gt (int64 .Values.worker.minimum) (int64 .Values.worker.maximum) }}
{{- fail (printf "worker.minimum: %v must not exceed worker.maximum, which is %v" .Values.worker.minimum .Values.worker.maximum) }}
{{- end }}
{{- $names := list }}
{{- range .Values.portals }}
{{- if has .name $names }}
{{- fail (printf "portals: the name %s is used twice; each portal needs its own" .name) }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- end -}}
