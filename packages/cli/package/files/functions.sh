make_group() {
  if command -v systemd-sysusers >/dev/null; then systemd-sysusers bernard.conf || true; fi
  getent group bernard >/dev/null || groupadd --system bernard
}

# Where the kernel has AppArmor and its tools are installed. The unit does without the profile elsewhere.
load_profile() {
  if command -v aa-enabled >/dev/null && aa-enabled --quiet 2>/dev/null; then
    apparmor_parser --replace --write-cache /etc/apparmor.d/bernard-host ||
      echo "bernard: the AppArmor profile is not loaded; the service runs without it" >&2
  fi
}

# A service that runs the former program goes on with it until now. Where the new one refuses the configuration, the former goes on.
hand_on() {
  if problem=$(/usr/bin/bernard host --check 2>&1); then
    systemctl restart bernard-host.service || true
  else
    echo "bernard: the former version goes on running; mend this, then: systemctl restart bernard-host" >&2
    echo "$problem" >&2
  fi
}
