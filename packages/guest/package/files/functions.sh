# The settings of an installed watchdog(8) go on being used, as long as our own file is as it came. It is a copy, since purging
# that package deletes the original; it has a file of its own, since package managers ask about changed configuration files.
take_over() {
  conf=/etc/bernard-guest.conf
  copy=/etc/bernard-guest.conf.d/watchdog.conf
  if [ -f /etc/watchdog.conf ] && [ ! -e $copy ] && grep -q '^include = /etc/bernard-guest.conf.d/$' $conf &&
    [ "$(sha256sum <$conf)" = '@SAMPLE_SHA256@  -' ]; then
    { echo '# /etc/watchdog.conf, taken over when bernard-guest was installed.' && cat /etc/watchdog.conf; } >$copy
    if problem=$(/usr/sbin/bernard-guest --check 2>&1); then
      echo "bernard-guest: uses what /etc/watchdog.conf says, copied to $copy"
    else
      rm $copy
      echo "bernard-guest: does not use /etc/watchdog.conf, which it refuses:" >&2
      echo "$problem" >&2
    fi
  fi
  # Debian's watchdog was told here which driver to load; the copy is for the unit's EnvironmentFile=.
  module=$(sed -n 's/^watchdog_module="\{0,1\}\([A-Za-z0-9_-]*\)"\{0,1\}$/\1/p' /etc/default/watchdog 2>/dev/null | tail -n 1)
  if [ -n "$module" ] && [ "$module" != none ] && [ ! -e /etc/default/bernard-guest ]; then
    mkdir -p /etc/default
    { echo '# The driver that watchdog(8) loaded, taken over from /etc/default/watchdog.' &&
      echo "BERNARD_MODULES=\"i6300esb iTCO_wdt wdat_wdt $module\""; } >/etc/default/bernard-guest
  fi
}

# A new version, newer or older, is put on without a stop: the daemon executes it in its place and keeps the device open. What
# runs goes on as it is when the new one refuses the configuration.
hand_on() {
  if problem=$(/usr/sbin/bernard-guest --check 2>&1); then
    systemctl reload bernard-guest.service || true
  else
    echo "bernard-guest: the former version goes on running; mend this, then: systemctl reload bernard-guest" >&2
    echo "$problem" >&2
  fi
}
