------------------------------- MODULE Rebalance -------------------------------
(***************************************************************************)
(* The hand-over of the rebalancer with resource barriers: who may use a   *)
(* resource, and when.  The readable statement of what the model           *)
(* `resource-barrier` of this crate checks in more detail.                 *)
(*                                                                         *)
(* A coordinator writes a map of owners.  A client that sees a new map     *)
(* stops, takes its barriers away, puts up the barrier of each resource    *)
(* that it gets once the former owner's is gone, and starts.  A client     *)
(* that hears nothing stops by itself; only then its session ends, and     *)
(* with it its barriers.  A coordinator's write may be late: the epoch it  *)
(* carries is compared where it arrives.                                   *)
(***************************************************************************)
EXTENDS Naturals, FiniteSets

CONSTANTS Clients, Resources, Nobody, Changes

VARIABLES
    map,        \* who is to own each resource
    barrier,    \* who holds each resource
    running,    \* what each client uses
    granted,    \* what each client has read that it gets
    notified,   \* which clients have to read the map again
    alive,      \* which clients have a session
    epoch,      \* how many coordinators there were
    late,       \* the epoch of a write that is under way, or 0
    left        \* how many changes there may still be

vars == <<map, barrier, running, granted, notified, alive, epoch, late, left>>

TypeOK ==
    /\ map \in [Resources -> Clients \cup {Nobody}]
    /\ barrier \in [Resources -> Clients \cup {Nobody}]
    /\ running \in [Clients -> SUBSET Resources]
    /\ granted \in [Clients -> SUBSET Resources]
    /\ notified \subseteq Clients
    /\ alive \subseteq Clients

Mine(c) == {r \in Resources : map[r] = c}

Init ==
    /\ map = [r \in Resources |-> Nobody]
    /\ barrier = [r \in Resources |-> Nobody]
    /\ running = [c \in Clients |-> {}]
    /\ granted = [c \in Clients |-> {}]
    /\ notified = {}
    /\ alive = Clients
    /\ epoch = 1
    /\ late = 0
    /\ left = Changes

(* A map that gives every resource to a client with a session. *)
IsFine == \A r \in Resources : map[r] \in alive

(* The coordinator's write is sent, and arrives.  Which map is its choice. *)
Send ==
    /\ late = 0
    /\ ~IsFine
    /\ late' = epoch
    /\ UNCHANGED <<map, barrier, running, granted, notified, alive, epoch, left>>

Land ==
    /\ late # 0
    /\ late' = 0
    /\ IF late = epoch /\ alive # {}
       THEN /\ map' \in [Resources -> alive]
            /\ notified' = alive
       ELSE UNCHANGED <<map, notified>>
    /\ UNCHANGED <<barrier, running, granted, alive, epoch, left>>

(* Another coordinator, with nothing else changed. *)
Elect ==
    /\ left > 0
    /\ left' = left - 1
    /\ epoch' = epoch + 1
    /\ UNCHANGED <<map, barrier, running, granted, notified, alive, late>>

Stop(c) ==
    /\ c \in notified
    /\ running[c] # {}
    /\ running' = [running EXCEPT ![c] = {}]
    /\ UNCHANGED <<map, barrier, granted, notified, alive, epoch, late, left>>

Read(c) ==
    /\ c \in notified
    /\ running[c] = {}
    /\ granted' = [granted EXCEPT ![c] = Mine(c)]
    /\ notified' = notified \ {c}
    /\ barrier' = [r \in Resources |-> IF barrier[r] = c THEN Nobody ELSE barrier[r]]
    /\ UNCHANGED <<map, running, alive, epoch, late, left>>

Place(c) ==
    /\ c \in alive \ notified
    /\ \E r \in granted[c] :
        /\ barrier[r] = Nobody
        /\ barrier' = [barrier EXCEPT ![r] = c]
    /\ UNCHANGED <<map, running, granted, notified, alive, epoch, late, left>>

Start(c) ==
    /\ c \in alive \ notified
    /\ running[c] # granted[c]
    /\ \A r \in granted[c] : barrier[r] = c
    /\ running' = [running EXCEPT ![c] = granted[c]]
    /\ UNCHANGED <<map, barrier, granted, notified, alive, epoch, late, left>>

(* A client stops for good, whether it crashes or hears nothing; then its session ends. *)
End(c) ==
    /\ left > 0
    /\ left' = left - 1
    /\ c \in alive
    /\ alive' = alive \ {c}
    /\ epoch' = epoch + 1
    /\ running' = [running EXCEPT ![c] = {}]
    /\ granted' = [granted EXCEPT ![c] = {}]
    /\ notified' = notified \ {c}
    /\ barrier' = [r \in Resources |-> IF barrier[r] = c THEN Nobody ELSE barrier[r]]
    /\ UNCHANGED <<map, late>>

React(c) == Stop(c) \/ Read(c) \/ Start(c)

Next == Send \/ Land \/ Elect \/ \E c \in Clients : React(c) \/ Place(c) \/ End(c)

Spec ==
    /\ Init
    /\ [][Next]_vars
    /\ WF_vars(Send)
    /\ WF_vars(Land)
    /\ \A c \in Clients : WF_vars(React(c))
    /\ \A c \in Clients : SF_vars(Place(c))

--------------------------------------------------------------------------------
(* No resource is used by two clients. *)
Exclusive ==
    \A r \in Resources : Cardinality({c \in Clients : r \in running[c]}) <= 1

(* Whoever uses a resource holds its barrier. *)
Held == \A c \in Clients : \A r \in running[c] : barrier[r] = c

(* A coordinator that has a successor writes nothing. *)
FencedWrites == [][map' = map \/ late = epoch]_vars

(* Once changes end, everybody who is left uses what the map gives it, and the map gives all. *)
IsSettled ==
    \/ alive = {}
    \/ IsFine /\ \A c \in alive : running[c] = Mine(c)

Settles == <>[]IsSettled
================================================================================
