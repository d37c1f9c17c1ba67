/** Requests for embeddings, from their texts to their vectors. */
package dev.serval.runtime.embedding;
