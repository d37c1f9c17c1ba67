/** The tier in plain Java: right on every machine, and what faster tiers are measured against. */
package dev.serval.models.cpu.plain;
