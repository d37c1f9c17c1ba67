/**
 * What lies in native memory while a model runs: rows between operations, scores and KV blocks, and
 * what has pages and cache lines of it there in time.
 */
package dev.serval.models.cpu.memory;
