/** What lies in a checkpoint, for people and for programs. */
package dev.serval.command.inspect;
