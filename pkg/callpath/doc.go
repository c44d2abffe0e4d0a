// Package callpath says how calls get to a workload in the mesh as it is: hop by hop (Trace), where they enter (Entrances), who
// takes calls beside them, and which pods they end at. It imports the model alone.
package callpath
