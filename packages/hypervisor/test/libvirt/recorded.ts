/**
 * Packets as a libvirtd 9.0.0 and its clients sent them, one word or field a line. The domain is `wd-pause`, id 1, whose
 * i6300esb has fired with the action pause.
 */
export const packet = (text: string): Buffer =>
  Buffer.from(text.replaceAll(/#.*$/gm, "").replaceAll(/\s+/g, ""), "hex");

export const DOMAIN = `
  00000008          # name: length
  77642d7061757365  # "wd-pause"
  9a9f5bcf e189414a 9a2feff3 117dd7e3  # UUID
  00000001          # id
`;

export const recorded = {
  authListCall: packet(`
    0000001c  # length
    20008086  # program: remote
    00000001  # version
    00000042  # procedure 66, AUTH_LIST
    00000000  # type: call
    00000001  # serial
    00000000  # status: ok
  `),
  authListReply: packet(`
    00000024
    20008086
    00000001
    00000042
    00000001  # type: reply
    00000001
    00000000
    00000001  # one type
    00000000  # none
  `),
  openCall: packet(`
    00000038
    20008086
    00000001
    00000001  # procedure 1, CONNECT_OPEN
    00000000
    00000003  # serial
    00000000
    00000001  # a name follows
    0000000f  # its length
    71656d753a2f2f2f73657373696f6e 00  # "qemu:///session", padded
    00000000  # flags
  `),
  registerCall: packet(`
    00000024
    20008086
    00000001
    0000013c  # procedure 316, CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY
    00000000
    00000008
    00000000
    00000003  # event 3, WATCHDOG
    00000000  # of every domain
  `),
  registerReply: packet(`
    00000020
    20008086
    00000001
    0000013c
    00000001
    00000008
    00000000
    00000002  # callback
  `),
  watchdogEvent: packet(`
    00000044
    20008086
    00000001
    00000141  # procedure 321, DOMAIN_EVENT_CALLBACK_WATCHDOG
    00000002  # type: message
    00000001  # serial 1, though the manual says 0
    00000000
    00000002  # callback
    ${DOMAIN}
    00000001  # action: pause
  `),
  lifecycleEvent: packet(`
    00000048
    20008086
    00000001
    0000013e  # procedure 318, DOMAIN_EVENT_CALLBACK_LIFECYCLE
    00000002
    00000001
    00000000
    00000000  # callback
    ${DOMAIN}
    00000003  # suspended
    00000003  # by a watchdog
  `),
  monitorEvent: packet(`
    00000074
    20008087  # program: qemu
    00000001
    00000006  # procedure 6, DOMAIN_MONITOR_EVENT
    00000002
    00000001
    00000000
    00000005  # callback
    ${DOMAIN}
    00000008  # event: length
    5741544348444f47  # "WATCHDOG"
    000000006b02a650  # seconds of QEMU's clock
    000111a4  # microseconds
    00000001  # details follow
    00000012  # their length
    7b22616374696f6e223a22706175736522 7d 0000  # {"action":"pause"}, padded
  `),
  unknownProcedureReply: packet(`
    00000088
    20008086
    00000001
    0000270f  # procedure 9999
    00000001
    0000000d  # serial
    00000001  # status: error
    00000027  # code 39, VIR_ERR_RPC
    00000007  # domain 7, VIR_FROM_RPC
    00000001  # a message follows
    00000017  # its length
    756e6b6e6f776e2070726f6365647572653a2039393939 00  # "unknown procedure: 9999", padded
    00000002  # level: error
    00000000  # about no domain
    00000001 00000002 25730000  # string 1: "%s"
    00000001 00000017 756e6b6e6f776e2070726f6365647572653a2039393939 00  # string 2: the same
    00000000  # no string 3
    ffffffff  # int 1: -1
    ffffffff  # int 2: -1
    00000000  # no network
  `),
  keepalivePing: packet(`
    0000001c
    6b656570  # program: "keep"
    00000001
    00000001  # procedure 1, ping
    00000002
    00000000
    00000000
  `),
};
