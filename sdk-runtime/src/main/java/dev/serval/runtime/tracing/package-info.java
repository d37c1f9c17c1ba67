/** Spans of generations, for tracing: where each one's time went. */
package dev.serval.runtime.tracing;
