/** Models that leave a device that was lost, and their sequences with them. */
package dev.serval.runtime.relocation;
