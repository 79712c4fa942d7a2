{{- define "tiercel.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "tiercel.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "tiercel.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tiercel.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tiercel.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tiercel.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tiercel.labels" -}}
{{ include "tiercel.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "tiercel.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "tiercel.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "tiercel.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* Where the image has the rules that ship. */ -}}
{{- define "tiercel.shippedRules" -}}/usr/share/tiercel/rules{{- end -}}

{{- /* The Secret with the enrolment password; empty: none. */ -}}
{{- define "tiercel.enrolmentSecret" -}}
{{- if .Values.manager.enrolment.existingSecret -}}
{{- .Values.manager.enrolment.existingSecret -}}
{{- else if .Values.manager.enrolment.password -}}
{{- printf "%s-enrolment" (include "tiercel.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- /* tiercel.yaml may hold secrets of outputs: then it is one itself. */ -}}
{{- define "tiercel.configKind" -}}
{{- if or .Values.outputs .Values.config -}}Secret{{- else -}}ConfigMap{{- end -}}
{{- end -}}

{{- /* What cannot be meant, told before anything is installed. */ -}}
{{- define "tiercel.checks" -}}
{{- if not .Values.ebpf.enabled -}}
{{- fail "ebpf.enabled: false: Tiercel sees events by eBPF only; there is no kernel module. Take the key out, or set it to true" -}}
{{- end -}}
{{- $rules := concat .Values.falco.rules .Values.falco.rulesFiles -}}
{{- if and .Values.falco.rules .Values.falco.rulesFiles -}}
{{- fail "falco.rules and falco.rulesFiles are two names for one list: keep one of them" -}}
{{- end -}}
{{- if $rules -}}
{{- range $file := keys .Values.customRules | sortAlpha -}}
{{- if not (or (has (printf "/etc/falco/%s" $file) $rules) (has "/etc/falco" $rules) (has "/etc/falco/" $rules)) -}}
{{- fail (printf "customRules has %s, and falco.rules does not name it: add /etc/falco/%s to that list" $file $file) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.falco.httpOutput.enabled (not .Values.falco.httpOutput.url) -}}
{{- fail "falco.httpOutput.enabled needs falco.httpOutput.url, for example http://falcosidekick:2801" -}}
{{- end -}}
{{- if and (include "tiercel.enrolmentSecret" .) (not .Values.manager.host) -}}
{{- fail "manager.enrolment needs manager.host: the manager to enrol with" -}}
{{- end -}}
{{- if and .Values.manager.caConfigMap (not .Values.manager.host) -}}
{{- fail "manager.caConfigMap needs manager.host" -}}
{{- end -}}
{{- end -}}

{{- /* rules_files of tiercel.yaml, as {"rules_files": [...]}. */ -}}
{{- define "tiercel.rulesFiles" -}}
{{- $rules := concat .Values.falco.rules .Values.falco.rulesFiles -}}
{{- if not $rules -}}
{{- $rules = list (include "tiercel.shippedRules" .) -}}
{{- if .Values.customRules -}}
{{- $rules = append $rules "/etc/falco" -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "rules_files" $rules) -}}
{{- end -}}

{{- /* outputs of tiercel.yaml, as {"outputs": [...]}. */ -}}
{{- define "tiercel.outputs" -}}
{{- $format := "text" -}}
{{- if .Values.falco.jsonOutput -}}{{- $format = "json" -}}{{- end -}}
{{- $outputs := list (dict "type" "stdout" "config" (dict "format" $format)) -}}
{{- if .Values.falco.httpOutput.enabled -}}
{{- $outputs = append $outputs (dict "type" "http_output" "config" (dict "url" .Values.falco.httpOutput.url)) -}}
{{- end -}}
{{- toYaml (dict "outputs" (concat $outputs .Values.outputs)) -}}
{{- end -}}

{{- /* The section wazuh of tiercel.yaml, as {"wazuh": {...}}. */ -}}
{{- define "tiercel.wazuh" -}}
{{- $manager := dict "host" .Values.manager.host "port" .Values.manager.port "enrol_port" .Values.manager.enrolPort "protocol" .Values.manager.protocol -}}
{{- $wazuh := dict "managers" (list $manager) "agent_name" .Values.manager.agentName -}}
{{- if .Values.manager.groups -}}
{{- $_ := set $wazuh "groups" .Values.manager.groups -}}
{{- end -}}
{{- if include "tiercel.enrolmentSecret" . -}}
{{- $_ := set $wazuh "password_file" "/etc/tiercel/enrolment/password" -}}
{{- end -}}
{{- if .Values.manager.caConfigMap -}}
{{- $_ := set $wazuh "ca_file" "/etc/tiercel/manager-ca/ca.pem" -}}
{{- end -}}
{{- toYaml (dict "wazuh" $wazuh) -}}
{{- end -}}

{{- /* tiercel.yaml as a whole. */ -}}
{{- define "tiercel.config" -}}
{{- $address := "${POD_IP}" -}}
{{- if .Values.metrics.ipv6 -}}{{- $address = "[${POD_IP}]" -}}{{- end -}}
{{- $config := dict "host_root" "/host" "metrics" (dict "listen" (printf "%s:%d" $address (int .Values.metrics.port))) -}}
{{- $_ := set $config "json_output" .Values.falco.jsonOutput -}}
{{- $_ := set $config "json_include_output_property" .Values.falco.jsonIncludeOutputProperty -}}
{{- $_ := set $config "response" (dict "enabled" .Values.response.enabled "dry_run" .Values.response.dryRun) -}}
{{- $config = mergeOverwrite $config (include "tiercel.rulesFiles" . | fromYaml) (include "tiercel.outputs" . | fromYaml) -}}
{{- if .Values.manager.host -}}
{{- $config = mergeOverwrite $config (include "tiercel.wazuh" . | fromYaml) -}}
{{- end -}}
{{- toYaml (mergeOverwrite $config .Values.config) -}}
{{- end -}}

{{- /* The least that works; docs/kubernetes.md says what each is for. */ -}}
{{- define "tiercel.capabilities" -}}
- BPF # load programs and maps
- PERFMON # attach them, and let them read the kernel's structures
- SYS_PTRACE # /proc/PID of processes with other rights: what they run, their namespaces
- DAC_READ_SEARCH # files of containers and runtimes that belong to other users
- SYS_NICE # the thread that empties the rings goes first on a busy node
{{- if .Values.response.enabled }}
- KILL # responses: signals to processes of other users
{{- end }}
{{- range .Values.extraCapabilities }}
- {{ . }}
{{- end }}
{{- end -}}
