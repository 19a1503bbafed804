{{/* What the schema can't say, or would say less plainly. */}}
{{- define "simulation.refusals" -}}
{{- $model := .Values.model }}
{{- if and (or $model.baseUrl $model.existingSecret) (not $model.name) }}
{{- fail "model.name: name the language model, or leave model.baseUrl and model.existingSecret empty" }}
{{- end }}
{{- if lt (int64 $model.leadSeconds) (mul 2 $model.timeoutSeconds) }}
{{- fail (printf "model.leadSeconds: %v is less than two answers may take: raise it to %v, or lower model.timeoutSeconds" $model.leadSeconds (mul 2 $model.timeoutSeconds)) }}
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
