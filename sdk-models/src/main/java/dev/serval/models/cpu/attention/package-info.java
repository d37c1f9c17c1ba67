/**
 * Attention over KV blocks, from queries and keys that are turned and written to them to how its
 * work is cut into pieces.
 */
package dev.serval.models.cpu.attention;
