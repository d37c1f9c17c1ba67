/** What Linux is asked: what the processor can do, for pages of memory, and where threads run. */
package dev.serval.models.cpu.system;
