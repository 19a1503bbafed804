{{/* What the pods of all components share. Call with (dict "root" $ "component" …). No chart version in it: that alone must not restart anything. */}}
{{- define "simulation.podMetadata" -}}
labels:
  {{- include "simulation.selector" . | nindent 2 }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .root.Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "simulation.podSpec" -}}
serviceAccountName: {{ include "simulation.name" .root }}-{{ .component }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "simulation.containerSecurity" -}}
image: {{ include "simulation.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{- define "simulation.databaseEnv" -}}
- name: SIMULATION_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ required "database.existingSecret: name the Secret that holds the URL of your Postgres database" .root.Values.database.existingSecret }}
      key: {{ .root.Values.database.key }}
{{- end -}}

{{/* What every process reads: see simulation_core/settings.py. POD_IP comes before the variable that uses it. */}}
{{- define "simulation.env" -}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: SIMULATION_BIND_ADDRESS
  value: $(POD_IP):8080
{{ include "simulation.databaseEnv" . }}
- name: SIMULATION_REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ required "redis.existingSecret: name the Secret that holds the URL of your Redis" .root.Values.redis.existingSecret }}
      key: {{ .root.Values.redis.key }}
- name: SIMULATION_PORTALS_FILE
  value: /etc/simulation/portals/portals.yaml
- name: SIMULATION_LOG_LEVEL
  value: {{ .root.Values.logLevel }}
{{- end -}}

{{/* Probes by HTTP on the pod's address. Starting may wait for a database that is still coming up. */}}
{{- define "simulation.probes" -}}
ports:
  - {name: http, containerPort: 8080}
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 3
{{- end -}}

{{- define "simulation.mounts" -}}
- {name: portals, mountPath: /etc/simulation/portals, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end -}}

{{- define "simulation.volumes" -}}
- name: portals
  configMap: {name: {{ include "simulation.name" .root }}-portals}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- end -}}
