/** The longest reply that libvirt carries, in bytes (C1). */
export const longestReply = 4 * 1024 * 1024;

/**
 * The longest request, in bytes. libvirt's RPC would take 4 MiB (C4), but what does not fit into the send buffer of the
 * agent's socket, 208 KiB unless the host was told otherwise, it begins to send again and again (C43).
 */
export const longestRequest = 200 * 1024;
