/**
 * The OpenAI HTTP API: what its requests mean to a runtime, and how a runtime's answers look in it.
 * Knows nothing of routing.
 */
package dev.serval.server.openai;
