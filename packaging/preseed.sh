# In the packages' scripts, after the files are there. A host that is told its manager at the installation, by the names that
# Wazuh's operators use, enrols when the agent starts. Environment: WAZUH_MANAGER, WAZUH_AGENT_NAME, WAZUH_AGENT_GROUP,
# WAZUH_REGISTRATION_PASSWORD. A mistake there does not fail the installation: it is told, and the agent runs without.
if [ -n "${WAZUH_MANAGER:-}" ] && [ ! -e /etc/tiercel/enrolment.yaml ]; then
  tiercel enroll --later ||
    echo "tiercel: WAZUH_MANAGER and its like were not taken: put it right with tiercel enroll --manager HOST" >&2
fi
unset WAZUH_REGISTRATION_PASSWORD
