/** Layers of experts: which experts a row goes to, and what these make of it. */
package dev.serval.models.cpu.expert;
