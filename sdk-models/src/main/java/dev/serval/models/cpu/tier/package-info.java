/**
 * Tiers of kernels, each all that a backend computes with, and which of them is taken on a
 * processor.
 */
package dev.serval.models.cpu.tier;
