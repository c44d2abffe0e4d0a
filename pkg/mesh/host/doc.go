// Package host answers what names and routes mean: hosts and who sees them, the rules of VirtualServices with their delegates and matches, and where
// their destinations lead. It imports the layers below: mesh, workload and proxy.
package host
