/** What {@code serval simulate} reads from its command line. */
package dev.serval.command.simulate;
