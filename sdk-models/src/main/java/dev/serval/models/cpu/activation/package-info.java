/**
 * Functions of single elements: activations and gates of feed-forward layers, gates of what
 * attention gives, and the cap on scores.
 */
package dev.serval.models.cpu.activation;
