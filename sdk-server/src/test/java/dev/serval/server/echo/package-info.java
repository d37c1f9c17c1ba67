/**
 * A runtime without a model: it answers every prompt with the prompt itself, a code point a token.
 * All else about it is real: it queues, runs generations side by side, waits for slow readers,
 * cancels.
 */
package dev.serval.server.echo;
