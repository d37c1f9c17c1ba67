/** The forward pass of a decoder-only transformer over the operations of a backend. */
package dev.serval.models.decoder.forward;
