/** The shape of what is coming, while it is not yet known who is there. */
export function Starting({ bare = false }: { bare?: boolean }) {
  if (bare) return <main className="h-full bg-sunken" aria-busy="true" />;
  return (
    <main className="flex h-full" aria-busy="true" aria-label="Starting">
      <div className="w-16 shrink-0 border-r border-line bg-rail max-md:hidden" />
      <div className="w-66 shrink-0 space-y-4 border-r border-line bg-sunken px-4 py-5 max-md:w-full max-md:border-0">
        {[72, 44, 60, 52, 68, 40].map((width) => (
          <div key={width} className="skeleton h-3" style={{ width: `${width}%` }} />
        ))}
      </div>
      <div className="grow max-md:hidden" />
    </main>
  );
}
