/** Where a device's memory, and pinned memory for it, come from. */
package dev.serval.gpu.memory;
