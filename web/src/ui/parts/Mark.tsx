/** The sign of Hubbub: three voices around one table. */
export function Mark({ className = "size-8" }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={className} role="img" aria-label="Hubbub">
      <rect width="32" height="32" rx="9" fill="var(--accent)" />
      <path
        d="M8.5 9.5v13M8.5 17.5c0-3 1.7-4.6 4-4.6s3.7 1.6 3.7 4.2v5.4"
        stroke="#fff"
        strokeWidth="2.6"
        strokeLinecap="round"
        fill="none"
      />
      <circle cx="22.6" cy="12.4" r="2.3" fill="#fff" />
      <circle cx="22.6" cy="20.4" r="2.3" fill="#fff" opacity=".6" />
    </svg>
  );
}
