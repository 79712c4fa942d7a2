"""What a finding must satisfy: ASFF by botocore's model of Security Hub and the limits of its API reference, OCSF by the
schema's files.

ASFF limits: docs.aws.amazon.com/securityhub/1.0/APIReference, AwsSecurityFinding, Resource, ProcessDetails, Network.
OCSF: github.com/ocsf/ocsf-schema at 1.6: events/base_event.json, events/findings/*.json, objects/*.json, dictionary.json.
"""
import json
import re

import botocore.loaders
import botocore.model
import botocore.validate

ASFF_LENGTHS = {
    ("Id",): 512, ("ProductArn",): 2048, ("ProductName",): 128, ("CompanyName",): 128, ("Region",): 16,
    ("GeneratorId",): 512, ("AwsAccountId",): 12, ("Title",): 256, ("Description",): 1024,
    ("Severity", "Original"): 64, ("FindingProviderFields", "Severity", "Original"): 64,
    ("Process", "Name"): 64, ("Process", "Path"): 512, ("Network", "Protocol"): 16,
    ("Remediation", "Recommendation", "Text"): 512,
}
ASFF_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
ASFF_NAMESPACES = ("Software and Configuration Checks", "TTPs", "Effects", "Unusual Behaviors",
                   "Sensitive Data Identifications")
SIZE_MAX = 240_000


def _model():
    loader = botocore.loaders.Loader()
    return botocore.model.ServiceModel(loader.load_service_model("securityhub", "service-2"))


MODEL = _model()
FINDING = MODEL.shape_for("AwsSecurityFinding")


def _leaves(value, path=()):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, path + (key,))
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path, value


def _enums(value, shape, where, problems):
    """botocore's validator does not look at enums and patterns."""
    if shape.type_name == "structure":
        for key, item in value.items():
            if key in shape.members:
                _enums(item, shape.members[key], f"{where}.{key}", problems)
    elif shape.type_name == "list":
        for item in value:
            _enums(item, shape.member, where, problems)
    elif shape.type_name == "map":
        for key, item in value.items():
            _enums(key, shape.key, where, problems)
            _enums(item, shape.value, where, problems)
    elif shape.type_name == "string":
        if getattr(shape, "enum", None) and value not in shape.enum:
            problems.append(f"{where}: {value!r} is none of {shape.enum}")
        pattern = shape.metadata.get("pattern")
        if shape.name == "NonEmptyString" and not re.search(r"\S", value):
            problems.append(f"{where}: blank")
        elif pattern and not re.search(pattern, value):
            problems.append(f"{where}: not {pattern}")


def asff_problems(text, account="123456789012", first=True):
    finding = json.loads(text)
    problems = []
    report = botocore.validate.ParamValidator().validate(finding, FINDING)
    if report.has_errors():
        problems.append(report.generate_report())
    _enums(finding, FINDING, "", problems)
    if len(text.encode()) > SIZE_MAX:
        problems.append(f"{len(text)} bytes")
    for path, most in ASFF_LENGTHS.items():
        value = finding
        for key in path:
            value = value.get(key, {}) if isinstance(value, dict) else {}
        if isinstance(value, str) and len(value) > most:
            problems.append(f"{'.'.join(path)}: {len(value)} characters")
    # The reference's page of required attributes; a finding that is there already needs no top-level ones of these.
    for key in ("Severity", "Types") if first else ():
        if not finding.get(key):
            problems.append(f"{key} is missing")
    if finding.get("SchemaVersion") != "2018-10-08" or finding.get("AwsAccountId") != account:
        problems.append("SchemaVersion or AwsAccountId")
    if not re.fullmatch(rf"arn:(aws|aws-cn|aws-us-gov):securityhub:[a-z0-9-]+:{account}:product/{account}/default",
                        finding.get("ProductArn", "")):
        problems.append("ProductArn")
    for key in ("CreatedAt", "UpdatedAt", "FirstObservedAt", "LastObservedAt"):
        if not ASFF_TIME.fullmatch(finding.get(key, "")):
            problems.append(f"{key}: {finding.get(key)}")
    if not finding["FirstObservedAt"] <= finding["LastObservedAt"] <= finding["UpdatedAt"]:
        problems.append("times are out of order")
    types = finding.get("Types", []) + finding.get("FindingProviderFields", {}).get("Types", [])
    if len(types) > 100 or not all(t.split("/")[0] in ASFF_NAMESPACES and t.count("/") <= 2 for t in types):
        problems.append(f"Types: {types}")
    normalized = finding.get("Severity", {}).get("Normalized", 0)
    if not 0 <= normalized <= 100:
        problems.append(f"Normalized {normalized}")
    fields = finding.get("ProductFields", {})
    if len(fields) > 50 or any(len(k) > 128 or len(v) > 2048 or k.startswith("aws/") for k, v in fields.items()):
        problems.append(f"ProductFields: {len(fields)}")
    if not 1 <= len(finding.get("Resources", [])) <= 32:
        problems.append("Resources")
    return problems


OCSF_REQUIRED = {
    "": ("activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid", "finding_info", "cloud"),
    "metadata": ("product", "version"), "finding_info": ("uid",), "cloud": ("provider",), "device": ("type_id",),
    "finding_info.analytic": ("type_id",), "evidences.connection_info": ("direction_id",),
    "evidences.container.image": ("uid",), "evidences.device": ("type_id",),
}
OCSF_ONE_OF = {
    "finding_info.attacks": ("tactic", "technique", "sub_technique"),
    "evidences": ("actor", "connection_info", "data", "device", "dst_endpoint", "file", "process", "src_endpoint"),
    "evidences.process": ("pid", "uid", "cpid"), "evidences.container": ("uid", "name"),
    "evidences.process.user": ("account", "name", "uid"),
    "evidences.src_endpoint": ("ip", "uid", "name", "hostname"), "evidences.dst_endpoint": ("ip", "uid", "name", "hostname"),
    "evidences.process.parent_process": ("pid", "uid", "cpid"), "metadata.product": ("name", "uid"),
}
OCSF_ENUMS = {
    "activity_id": (1, 2, 3), "severity_id": (0, 1, 2, 3, 4, 5, 6, 99), "status_id": (1, 2, 3, 4, 5, 6, 0, 99),
    "finding_info.analytic.type_id": tuple(range(12)) + (99,), "evidences.connection_info.direction_id": (0, 1, 2, 3, 4, 99),
    "cloud.account.type_id": tuple(range(19)) + (99,), "device.type_id": tuple(range(16)) + (99,),
}
OCSF_KNOWN = {
    "": set("""activity_id activity_name category_name category_uid class_name class_uid count end_time evidences
        finding_info is_alert message metadata cloud device resources severity severity_id start_time status status_id
        time type_uid type_name unmapped""".split()),
    "finding_info": set("""analytic attacks created_time desc first_seen_time last_seen_time modified_time title types
        uid""".split()),
    "evidences": {"device", "process", "container", "connection_info", "src_endpoint", "dst_endpoint"},
    "evidences.process": set("name path cmd_line working_directory pid user parent_process".split()),
    "evidences.container": {"uid", "name", "runtime", "tag", "pod_uuid", "image"},
    "resources": {"type", "uid", "name", "region", "cloud_partition", "namespace"},
    "cloud": {"provider", "region", "zone", "cloud_partition", "account"},
    "metadata": {"version", "uid", "product", "profiles"},
    "device": {"type_id", "type", "hostname", "uid", "instance_uid", "region"},
}


def _objects(value, path=""):
    if isinstance(value, dict):
        yield path, value
        for key, item in value.items():
            yield from _objects(item, f"{path}.{key}".strip("."))
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item, path)


def ocsf_problems(text):
    finding = json.loads(text)
    problems = []
    seen = dict.fromkeys(OCSF_REQUIRED)
    for path, value in _objects(finding):
        if path == "unmapped":
            continue
        for key in OCSF_REQUIRED.get(path, ()):
            if key not in value:
                problems.append(f"{path}.{key} is missing")
        if path in OCSF_ONE_OF and not any(key in value for key in OCSF_ONE_OF[path]):
            problems.append(f"{path} has none of {OCSF_ONE_OF[path]}")
        for key in value.keys() - OCSF_KNOWN.get(path, value.keys()):
            problems.append(f"{path}.{key} is no attribute")
        for key, item in value.items():
            where = f"{path}.{key}".strip(".")
            if where in OCSF_ENUMS and item not in OCSF_ENUMS[where]:
                problems.append(f"{where} = {item}")
            if (key == "time" or key.endswith("_time")) and not (isinstance(item, int) and 0 <= item < 4e12):
                problems.append(f"{where} is no time in ms")
        seen[path] = True
    if finding["class_uid"] != 2004 or finding["category_uid"] != 2:
        problems.append("class_uid or category_uid")
    if finding["type_uid"] != finding["class_uid"] * 100 + finding["activity_id"]:
        problems.append("type_uid")
    if finding["metadata"]["version"] != "1.6.0":
        problems.append("metadata.version")
    return problems
