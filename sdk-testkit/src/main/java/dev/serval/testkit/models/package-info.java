/**
 * Models to test with, each with the answers it should give: tiny checkpoints and what a float64
 * reference or llama.cpp computes with them, a real embedding model, one that recalls every token
 * of its KV memory, and what runs a model step by step without an engine.
 */
package dev.serval.testkit.models;
